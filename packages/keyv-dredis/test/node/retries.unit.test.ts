import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CommandFailedError, NodeUnavailableError } from '../../src/errors/errors.js';
import { Retries, type Retryable } from '../../src/node/retries.js';
import { globalTimers } from '../support/global-timers.js';

const refused = new NodeUnavailableError(
  'node',
  Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
);
const wrongPassword = new NodeUnavailableError('node', new Error('WRONGPASS invalid password'));
const loading = new CommandFailedError('node', new Error('LOADING'));

/** A node that is down, and joins the retries for a server. */
class FakeNode implements Retryable {
  readonly maxRetryDelayMs: number;
  readonly timers = globalTimers;
  attemptCount = 0;
  error: Error | undefined = refused;
  addresses: string | undefined;
  readonly #server: symbol;

  constructor(server: symbol, maxRetryDelayMs = 1000) {
    this.maxRetryDelayMs = maxRetryDelayMs;
    this.#server = server;
    nodes.push(this);
    Retries.join(server, this);
  }

  get resolveHost() {
    return this.addresses === undefined ? undefined : async () => this.addresses as string;
  }

  async revive(): Promise<void> {
    this.attemptCount += 1;
    if (this.error !== undefined) throw this.error;
    this.leave();
  }

  leave(): void {
    Retries.leave(this.#server, this);
  }
}

const nodes: FakeNode[] = [];
let server: symbol;

beforeEach(() => {
  jest.useFakeTimers();
  server = Symbol('server');
});

afterEach(() => {
  for (const node of nodes.splice(0)) node.leave();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);
const attempts = () => nodes.map(({ attemptCount }) => attemptCount);
const attemptCount = () => attempts().reduce((sum, count) => sum + count, 0);

describe('several nodes for one server', () => {
  test('share the retries: one node tries at a time, in turn', async () => {
    for (let count = 0; count < 10; count += 1) new FakeNode(server);
    await pass(10_000);
    expect(attemptCount()).toBeGreaterThanOrEqual(10);
    expect(attemptCount()).toBeLessThanOrEqual(22);
    expect(Math.max(...attempts()) - Math.min(...attempts())).toBeLessThanOrEqual(1);
  });

  test('all retry at once when one of them is up', async () => {
    for (let count = 0; count < 10; count += 1) new FakeNode(server);
    await pass(1500);
    const before = attemptCount();
    for (const node of nodes) node.error = undefined;
    await pass(1000);
    expect(attemptCount()).toBe(before + 10);
  });

  test('retry one after the other if the server refuses the credentials of one', async () => {
    const [first, second] = [new FakeNode(server), new FakeNode(server)];
    first.error = wrongPassword;
    second.error = undefined;
    await pass(250);
    expect(attempts()).toEqual([2, 1]);
  });

  test('retry one at a time if the server cannot execute commands yet', async () => {
    const [first, second] = [new FakeNode(server), new FakeNode(server)];
    first.error = loading;
    second.error = loading;
    await pass(250);
    expect(attempts()).toEqual([1, 0]);
  });

  test('are retried after the shortest of their longest delays', async () => {
    new FakeNode(server, 60_000);
    new FakeNode(server, 500);
    await pass(10_000);
    expect(attemptCount()).toBeGreaterThanOrEqual(19);
  });
});

describe('a long delay ends', () => {
  /** Passes time until the next retry is due in several seconds. */
  async function waitForLongDelay(): Promise<FakeNode> {
    const node = new FakeNode(server, 60_000);
    while (node.attemptCount < 7) await pass(1000);
    return node;
  }

  test('when the server works for another node', async () => {
    const node = await waitForLongDelay();
    node.error = undefined;
    Retries.serverWorks(server);
    await pass(0);
    expect(node.attemptCount).toBe(8);
  });

  test('but not when another server works', async () => {
    const node = await waitForLongDelay();
    Retries.serverWorks(Symbol('other server'));
    await pass(1000);
    expect(node.attemptCount).toBe(7);
  });

  test('when its host name gets another address', async () => {
    const node = await waitForLongDelay();
    node.addresses = '10.0.0.1';
    await pass(2000);
    expect(node.attemptCount).toBe(7);
    node.addresses = '10.0.0.2';
    await pass(1000);
    expect(node.attemptCount).toBe(8);
  });
});
