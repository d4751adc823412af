import { expect, test } from '@jest/globals';
import { NodeUnavailableError } from '../../src/errors/errors.js';

test('the error for a host with two addresses names both addresses, and contains the advice once', () => {
  // Node.js throws such an error. The test constructs it, because not every machine has a host name with two
  // addresses.
  const refused = (address: string) =>
    Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });
  const cause = new AggregateError([refused('::1:1'), refused('127.0.0.1:1')]);
  expect(new NodeUnavailableError('h:1', cause).message).toBe(
    'Node h:1 is unavailable: connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1 ' +
      '(start the server, or correct the host or the port of its location)',
  );
});
