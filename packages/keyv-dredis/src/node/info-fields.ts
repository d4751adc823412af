/** The fields of a reply to INFO, by name. */
export function infoFields(info: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from(info.matchAll(/^(\w+):([^\r\n]*)/gm), ([, name = '', value = '']) => [name, value]),
  );
}
