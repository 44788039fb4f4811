/**
 * One broker for a run of the tests, its address in VALENCE_TEST_KAFKA for all that come after. Several projects may name this file
 * or one that calls it: the broker is started once.
 */
import { tsImport } from 'tsx/esm/api';

export default async function setUpKafka() {
  const { env } = process;
  if (globalThis.valenceTestKafka !== undefined || env.VALENCE_TEST_KAFKA_MISSING !== undefined)
    return;
  const { startKafka, whyNoLocalKafka } = await tsImport('./broker.ts', import.meta.url);
  const noLocal = await whyNoLocalKafka();
  if (noLocal !== undefined) env.VALENCE_TEST_KAFKA_LOCAL_MISSING = noLocal;
  // Empty counts as not set.
  if (env.VALENCE_TEST_KAFKA) return;
  const started = await startKafka();
  if ('missing' in started) {
    env.VALENCE_TEST_KAFKA_MISSING = started.missing;
    return;
  }
  env.VALENCE_TEST_KAFKA = started.brokers.join(',');
  globalThis.valenceTestKafka = started;
}
