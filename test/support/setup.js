/** What tests that start real processes need: a build of the sources, and a broker. Both take seconds, so they are made at once. */
import build from './build.js';
import setUpKafka from './kafka/setup.js';

export default async function setUp() {
  // Both have ended when this has: a broker that comes up while the build fails is still torn down.
  for (const { reason } of await Promise.allSettled([build(), setUpKafka()]))
    if (reason !== undefined) throw reason;
}
