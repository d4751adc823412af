import { afterEach, describe } from '@jest/globals';
import officialSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv as Keyv5, type KeyvOptions } from 'keyv5';
import { DRedisStore } from '../../src/index.js';
import { jestAsVitest } from '../support/official-suite.js';
import { sharedLocations } from '../support/servers.js';

// The suite makes a Keyv 5 with no more than a store, and in the namespace group with a namespace of
// its own. What is tested here is the same groups with each way to be namespaced as the default.
const variants: Record<string, KeyvOptions> = {
  "Keyv's default namespace": {},
  'no namespace': { namespace: undefined as unknown as string },
  'a namespace': { namespace: 'official' },
  'a namespace of special characters': { namespace: 'official*?[a-z]\\:%{x}:' },
  'useKeyPrefix: false': { namespace: 'official-bare', useKeyPrefix: false },
};

describe.each(Object.entries(variants))('@keyv/test-suite with %s', (_name, variant) => {
  const stores: DRedisStore[] = [];

  class Keyv extends Keyv5 {
    constructor(options: KeyvOptions = {}) {
      super({ ...variant, ...options });
    }
  }

  const store = () => {
    const made = new DRedisStore(sharedLocations());
    stores.push(made);
    return made;
  };

  officialSuite(jestAsVitest as never, Keyv as never, store);
  keyvIteratorTests(jestAsVitest as never, Keyv as never, store);

  // After the hooks of the suite, which make stores as well.
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((made) => made.disconnect()));
  });
});
