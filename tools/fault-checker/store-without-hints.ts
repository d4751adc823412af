/** The negative control. The only import by path from the store's package, because no user needs this class. */
export { StoreWithoutHints } from '../../packages/keyv-dredis/test/support/store-without-hints.js';
