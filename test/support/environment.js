/**
 * The runner's environment for Node.js, with a global object of the ordinary kind. The runner's own is asked through interceptors:
 * each `Math` or `Map` in the code under test then takes a microsecond rather than nothing, and loops over units of text take
 * seconds. What a test file can see and reach is the same.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
/** The very object that the runner's environment reads its `createContext` from. */
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

export default class OrdinaryGlobal extends TestEnvironment {
  constructor(config, context) {
    const { createContext, constants } = vm;
    // Node.js 22.0 to 22.7 has no such contexts: the tests run there too, but slowly.
    const kind = constants?.DONT_CONTEXTIFY;
    vm.createContext = (sandbox) => createContext(kind ?? sandbox);
    try {
      super(config, context);
    } finally {
      vm.createContext = createContext;
    }
  }
}
