/** Shared, because making one costs more than encoding a short key. */
export const utf8 = new TextEncoder();
