import { describe, expect, test } from '@jest/globals';
import { openStoreOver, sharedLocations, startProxy } from '../support/index.js';

/** Commands that the store can do without, and how servers and proxies refuse them. */
const REFUSALS: readonly (readonly [title: string, refused: RegExp, reply: string])[] = [
  ['a renamed command', /INFO|CLIENT/, "ERR unknown command 'INFO', with args beginning with: "],
  ['an ACL', /INFO|CLIENT/, "NOPERM this user has no permissions to run the 'info' command"],
  ['a proxy', /INFO|CLIENT/, "ERR unsupported command 'INFO'"],
  [
    'an old server',
    /CLIENT/,
    'ERR Syntax error, try CLIENT (LIST | KILL | GETNAME | SETNAME | PAUSE | REPLY)',
  ],
  ['a managed service', /INFO|CLIENT/, "ERR command 'info' is not allowed"],
  ['a proxy without an error code', /INFO/, 'unknown commands [info]'],
  ['a service without sets', /SADD|SMEMBERS|SCARD/, "ERR Command is not available: 'SADD'"],
  ['a cluster node', /INFO|SADD|SMEMBERS/, 'MOVED 1234 10.0.0.9:6379'],
];

// Regression: a store was unusable if the server refused one of its optional commands in other words than
// NOPERM or "ERR unknown".
describe.each(REFUSALS)('a store works if %s refuses %s', (_title, refused, reply) => {
  test.each([2, 3] as const)('in RESP %i', async (RESP) => {
    const proxy = await startProxy(sharedLocations()[0] as string);
    // The proxy turns a refused command into an EVAL that returns the error, so that replies keep their order.
    proxy.onRequest = (request) => rewriteCommands(request, refused, reply);
    const store = openStoreOver([proxy.location], { namespace: 'optional', clientOptions: { RESP } });
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
    await store.clear();
    expect(store.status()).toMatchObject([{ state: 'up' }]);
  });
});

/** Replaces each refused command in a buffer of whole commands. */
function rewriteCommands(request: Buffer, refused: RegExp, reply: string): Buffer {
  const text = request.toString('latin1');
  const commands: string[] = [];
  let position = 0;
  while (position < text.length) {
    const start = position;
    let end = text.indexOf('\r\n', position);
    const count = Number(text.slice(position + 1, end));
    position = end + 2;
    const words: string[] = [];
    for (let index = 0; index < count; index += 1) {
      end = text.indexOf('\r\n', position);
      const length = Number(text.slice(position + 1, end));
      words.push(text.slice(end + 2, end + 2 + length));
      position = end + 2 + length + 2;
    }
    // HELLO and CLIENT SETINFO belong to the greeting.
    const isRefused = refused.test(words[0] as string) && words[1] !== 'SETINFO';
    commands.push(isRefused ? errorCommand(reply) : text.slice(start, position));
  }
  return Buffer.from(commands.join(''), 'latin1');
}

function errorCommand(reply: string): string {
  const script = `return redis.error_reply(${JSON.stringify(reply)})`;
  return ['*3', '$4', 'EVAL', `$${script.length}`, script, '$1', '0', ''].join('\r\n');
}
