import { connect } from 'node:net';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  keysOf,
  nextEvent,
  onCleanUp,
  openStoreOver,
  type ProxyServer,
  rejection,
  type StubServer,
  sharedLocations,
  startProxy,
  startServer,
  startServers,
  startStub,
} from '../support/index.js';
import { recordStates } from '../support/node-states.js';

/** The commands that the store warned about. Includes repeated warnings. */
let warned: string[];
let warnings: string[];

beforeEach(() => {
  warned = [];
  warnings = [];
  const spy = jest.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
    if ((options as { code?: string }).code !== 'DREDIS_OPTIONAL_COMMAND_REFUSED') return;
    warnings.push(String(message));
    warned.push(/The store can do without ([A-Z ]+), but [a-z]/.exec(String(message))?.[1] as string);
  });
  onCleanUp(() => spy.mockRestore());
});

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
  ['a service without sets', /SADD|SSCAN|SCARD/, "ERR Command is not available: 'SADD'"],
  ['a cluster node', /INFO|SADD|SSCAN/, 'MOVED 1234 10.0.0.9:6379'],
];

// Regression: a store was unusable if the server refused one of its optional commands in other words than
// NOPERM or "ERR unknown".
describe.each(REFUSALS)('a store works if %s refuses %s', (_title, refused, reply) => {
  test.each([2, 3] as const)('in RESP %i', async (RESP) => {
    const proxy = await startRefusingProxy(sharedLocations()[0] as string, refused, reply);
    const store = openStoreOver([proxy.location], { namespace: 'optional', clientOptions: { RESP } });
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
    await store.clear();
    expect(store.status().nodes).toMatchObject([{ state: 'up' }]);
    const asked = ['CLIENT ID', 'INFO', 'SADD'].filter((command) => refused.test(command));
    expect(warned.sort()).toEqual(asked);
  });
});

describe('a store whose server refuses an optional command', () => {
  const NOT_ALLOWED = 'ERR not allowed here';

  test('warns once per node and command, although it connects again', async () => {
    const redis = await startServers({ count: 2 });
    const proxies = await Promise.all(
      redis.locations.map((location) => startRefusingProxy(location, /INFO|CLIENT/, NOT_ALLOWED)),
    );
    const store = openStoreOver(proxies.map(({ location }) => location));
    await store.connect();
    const down = nextEvent(store, 'node:down');
    await redis.servers[0]?.kill();
    await down;
    const up = nextEvent(store, 'node:up');
    await redis.servers[0]?.start();
    await up;
    expect(warned.sort()).toEqual(['CLIENT ID', 'CLIENT ID', 'INFO', 'INFO']);
    const [one, two] = proxies.map(({ location }) => location) as [string, string];
    for (const node of [one, two]) {
      expect(warnings).toContain(
        `Node ${node} refused a command: ERR not allowed here. The store can do without INFO, but restarts of ` +
          'the server are not noticed, so old values may be read after a restart.',
      );
    }
  });

  test('shows no credentials', async () => {
    const server = await startServer('--requirepass', 'hunter2');
    const reply = 'ERR user with password hunter2 must not, with args beginning with: token ';
    const proxy = await startRefusingProxy(server.location, /INFO/, reply);
    const store = openStoreOver([proxy.location], { password: 'hunter2' });
    await store.connect();
    expect(warnings).toEqual([expect.stringContaining('ERR user with password *** must not')]);
    expect(warnings[0]).not.toMatch(/hunter2|token/);
  });

  test('does not warn if the server refuses all writes for the moment', async () => {
    const proxy = await startRefusingProxy(
      sharedLocations()[0] as string,
      /SADD|^SET/,
      'OOM command not allowed',
    );
    const store = openStoreOver([proxy.location]);
    await rejection(store.set('key', 'value'));
    expect(await store.get('key')).toBeUndefined();
    expect(warned).toEqual([]);
  });
});

test('a store does not warn of an optional command if the connection is lost before the reply', async () => {
  const proxy = await startProxy(sharedLocations()[0] as string);
  let wasAsked = false;
  proxy.onRequest = (request) => {
    wasAsked ||= request.includes('\r\nINFO\r\n');
    return request;
  };
  proxy.onReply = (reply, toClient) => {
    if (wasAsked) toClient.destroy();
    else toClient.write(reply);
  };
  const store = openStoreOver([proxy.location]);
  expect(await rejection(store.get('key'))).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE' });
  expect(wasAsked).toBe(true);
  expect(warned).toEqual([]);
});

// Regression: a proxy that closes the connection at a command that it does not support made the store unusable.
test.each(['INFO', 'CLIENT ID', 'SADD'])(
  'a store becomes usable although a proxy closes the connection at %s, and warns',
  async (command) => {
    const redis = await startServers({ count: 2 });
    const [first, second] = redis.locations as [string, string];
    const bytes = `\r\n${command.replace(' ', '\r\n$2\r\n')}\r\n`;
    const proxy = await startClosingProxy(first, bytes);
    const store = openStoreOver([proxy.location, second]);
    const [key] = keysOf(store, proxy.location, 1) as [string];
    const states = recordStates(store);
    expect(await store.set(key, 'value')).toBe(true);
    expect(await store.get(key)).toBe('value');
    expect(warned).toEqual([command]);
    expect(states).toEqual([]);
  },
);

test('a store does not leave out a command that was answered once, although connections are lost at it', async () => {
  const server = await startServer();
  const proxy = await startProxy(server.location);
  const store = openStoreOver([proxy.location]);
  await store.connect();
  let lossCount = 0;
  let isAsked = false;
  proxy.onRequest = (request) => {
    isAsked = request.includes('\r\nINFO\r\n');
    return request;
  };
  proxy.onReply = (reply, toClient) => {
    if (isAsked && lossCount < 3) {
      lossCount += 1;
      isAsked = false;
      toClient.destroy();
    } else toClient.write(reply);
  };
  const down = nextEvent(store, 'node:down');
  await server.kill();
  await down;
  const up = nextEvent(store, 'node:up');
  await server.start();
  await up;
  expect(lossCount).toBe(3);
  expect(warned).toEqual([]);
});

/** Starts a proxy that closes the connection when a request contains the text. */
async function startClosingProxy(location: string, text: string): Promise<StubServer> {
  const [host, port] = location.split(':') as [string, string];
  return startStub((client) => {
    const server = connect(Number(port), host);
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    client.on('data', (request) => {
      if (request.includes(text)) client.destroy();
      else server.write(request);
    });
    server.pipe(client);
  });
}

/**
 * Starts a proxy that turns each refused command into an EVAL that returns the error, so that replies keep their
 * order.
 */
async function startRefusingProxy(location: string, refused: RegExp, reply: string): Promise<ProxyServer> {
  const proxy = await startProxy(location);
  proxy.onRequest = (request) => rewriteCommands(request, refused, reply);
  return proxy;
}

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
