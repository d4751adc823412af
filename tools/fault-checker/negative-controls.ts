/**
 * The negative controls. They are imported by path, because the store's package does not export classes that no user
 * needs.
 */
export { PARTS, type Part, StoreWithout } from '../../packages/keyv-dredis/test/support/left-out.js';
