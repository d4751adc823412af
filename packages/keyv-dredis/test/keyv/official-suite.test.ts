import { describe } from '@jest/globals';
import officialSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv as Keyv5, type KeyvOptions } from 'keyv5';
import { openStore } from '../support/index.js';
import { jestAsVitest } from '../support/official-suite.js';

// The suite passes only a store to each Keyv 5, except that its namespace group also passes a namespace.
// Here, the same groups run with several default namespaces.
const variants: Record<string, KeyvOptions> = {
  "Keyv's default namespace": {},
  'no namespace': { namespace: undefined as unknown as string },
  'a namespace': { namespace: 'official' },
  'a namespace of special characters': { namespace: 'official*?[a-z]\\:%{x}:' },
  'useKeyPrefix: false': { namespace: 'official-bare', useKeyPrefix: false },
};

describe.each(Object.entries(variants))('@keyv/test-suite with %s', (_name, variant) => {
  class Keyv extends Keyv5 {
    constructor(options: KeyvOptions = {}) {
      super({ ...variant, ...options });
    }
  }

  officialSuite(jestAsVitest as never, Keyv as never, openStore);
  keyvIteratorTests(jestAsVitest as never, Keyv as never, openStore);
});
