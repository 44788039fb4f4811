/** Ends the broker that setup.js started. */
export default async function tearDownKafka() {
  const started = globalThis.valenceTestKafka;
  if (started === undefined) return;
  globalThis.valenceTestKafka = undefined;
  delete process.env.VALENCE_TEST_KAFKA;
  await started.close();
}
