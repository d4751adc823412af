/**
 * The test harness. It closes everything that it starts, opens or connects: after the test that used it, or
 * after the file's last test if `beforeAll` used it. See clean-up.ts.
 */

export { sendTo } from '../../src/membership/send.js';
export { NO_RECOVERY } from '../../src/node/no-recovery.js';
export { onCleanUp } from './clean-up.js';
export { connectClient, connectPlain, SHARED_DATABASE, sharedRedis, useSharedDatabase } from './clients.js';
export { DEADLINE_MS, NEVER_IN_A_TEST_MS, NO_DEADLINES } from './deadlines.js';
export { expectEveryOperation } from './every-operation.js';
export {
  type AnyKeyv,
  type AnyKeyvOptions,
  collectErrors,
  entriesOf,
  MAJORS,
  type Major,
  makeKeyv,
  NAMESPACES,
  openKeyv,
  takeErrorCodes,
  takeErrors,
} from './keyvs.js';
export { makeRecord, openNode, recordedNodes } from './nodes.js';

export {
  contentsOf,
  describeNodes,
  entriesOn,
  fill,
  openOperator,
  recordOn,
  registerPrefix,
} from './operators.js';
export type { PlainServers } from './plain-servers.js';
export { runProgram } from './program.js';
export {
  type FullServer,
  makeTemporaryFolder,
  sharedLocations,
  startFullServer,
  startServer,
  startServers,
  startTlsServers,
} from './servers.js';
export {
  errorsOf,
  interceptCommands,
  keysOf,
  nextEvent,
  openStore,
  openStoreOver,
  recordCommands,
  rejection,
  timeOut,
} from './stores.js';
export {
  type ProxyServer,
  type StubServer,
  startBlackHole,
  startProxy,
  startStub,
  startUnixProxy,
} from './stub-server.js';
export { until } from './until.js';
