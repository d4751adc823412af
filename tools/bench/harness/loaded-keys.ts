/**
 * The key and the value that load-keys.ts writes for an index. Both are ASCII, so their length is their size
 * in bytes.
 */
export const loadedKey = (index: number) => `session:${String(index).padStart(10, '0')}:loaded-key`;
export const loadedValue = (index: number) => `value of ${index}`;
export const loadedEntry = (index: number) => ({ key: loadedKey(index), value: loadedValue(index) });
