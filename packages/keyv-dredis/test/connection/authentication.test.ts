import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type DRedisStore, type Location, NodeUnavailableError } from '../../src/index.js';
import { errorsOf, openStoreOver, rejection, startServer, startStub } from '../support/index.js';

const PASSWORD = 'open:se@same/%41,;#';

let location: string;

beforeAll(async () => {
  ({ location } = await startServer('--requirepass', PASSWORD));
});

describe('a password', () => {
  test('may be a store option', async () => {
    const store = openStoreOver([location], { password: PASSWORD });
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
  });

  test('may be percent-encoded in a URL, also if several URLs are given as one string', async () => {
    const url = `redis://:${encodeURIComponent(PASSWORD)}@${location}`;
    for (const locations of [[url], url, `${url};${url}/1`]) {
      const store = openStoreOver(locations);
      await store.connect();
      expect(await store.set('key', 'value')).toBe(true);
    }
  });

  test("may be a location's option, which overrides the store option", async () => {
    const store = openStoreOver([{ url: `redis://${location}`, password: PASSWORD }], { password: 'wrong' });
    expect(await store.set('key', 'value')).toBe(true);
  });
});

describe('a wrong password', () => {
  const secret = 'wr0ng-s3cret';

  test.each<[string, () => DRedisStore, RegExp]>([
    ['as an option', () => openStoreOver([location], { password: secret }), /WRONGPASS/],
    ['in a URL', () => openStoreOver([`redis://default:${secret}@${location}`]), /WRONGPASS/],
    ['for an unknown user', () => openStoreOver([`redis://nobody:${secret}@${location}`]), /WRONGPASS/],
    ['that is missing', () => openStoreOver([location]), /NOAUTH/],
  ])(
    "%s makes the node unavailable, and errors contain the server's reason but not the password",
    async (_name, make, reason) => {
      const store = make();
      const shown: unknown[] = errorsOf(store);
      store.on('node:down', (...args) => shown.push(args));
      const single = await rejection(store.get('key'));
      expect(single).toBeInstanceOf(NodeUnavailableError);
      expect(single.message).toMatch(reason);
      await store.getMany(['a', 'b']);
      shown.push(single, await rejection(store.connect()), await rejection(store.clear()), store);
      expect(shown.length).toBeGreaterThanOrEqual(6);
      expect(inspect(shown, { depth: 20, showHidden: true })).not.toContain(secret);
    },
  );

  // A server that does not know HELLO repeats its arguments in its error, for example Redis 5.
  test.each<[string, (location: string) => Location]>([
    ['of the store', (location) => location],
    [
      'in a client that a factory makes',
      (location) => () => createClient({ url: `redis://:${secret}@${location}` }),
    ],
    [
      'from a credentials provider',
      (location) => ({
        url: `redis://${location}`,
        clientOptions: {
          credentialsProvider: {
            type: 'async-credentials-provider',
            credentials: async () => ({ password: secret }),
          },
        } as object,
      }),
    ],
  ])('%s is not in errors if the server repeats the greeting in its error reply', async (_title, locate) => {
    const stub = await startStub((socket) =>
      socket.once('data', (greeting) => {
        const words = greeting.toString('latin1').replace(/[\r\n]+/g, ' ');
        socket.write(`-ERR unknown command, with args beginning with: ${words}\r\n`);
      }),
    );
    const store = openStoreOver([locate(stub.location)], { password: secret });
    const error = await rejection(store.get('key'));
    expect(error.message).toContain('with args beginning with ***');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret);
  });
});
