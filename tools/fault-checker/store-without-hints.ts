/**
 * The negative control. It is imported by path, because the store's package does not export a class that no
 * user needs.
 */
export { StoreWithoutHints } from '../../packages/keyv-dredis/test/support/store-without-hints.js';
