/** What tests that start real processes need: a build of the sources, and a broker. */
import build from './build.js';
import setUpKafka from './kafka/setup.js';

export default async function setUp() {
  build();
  await setUpKafka();
}
