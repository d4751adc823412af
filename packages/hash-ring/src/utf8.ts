/** Shared, because creating an encoder costs more than encoding a short key. */
export const utf8 = new TextEncoder();
