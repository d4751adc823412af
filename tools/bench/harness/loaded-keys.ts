/** The key of a number, and its value, where servers are filled from outside; both in ASCII. */
export const loadedKey = (index: number) => `session:${String(index).padStart(10, '0')}:loaded-key`;
export const loadedValue = (index: number) => `value of ${index}`;
