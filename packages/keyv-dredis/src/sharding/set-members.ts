import { CHUNK_SIZE } from './chunks.js';
import { pagesAt, type Run } from './scan.js';

/**
 * The members of a set, page by page. A member may occur twice. A member that is added or removed meanwhile may
 * be missing.
 */
export async function* membersOf(run: Run, set: string): AsyncGenerator<readonly string[], void> {
  const pages = pagesAt(run, (commands, cursor, seen) => commands.members(set, cursor, CHUNK_SIZE, seen));
  for await (const { members } of pages) if (members.length > 0) yield members;
}

/** All members of a set. */
export async function allMembersOf(run: Run, set: string): Promise<readonly string[]> {
  const members = new Set<string>();
  for await (const page of membersOf(run, set)) for (const member of page) members.add(member);
  return [...members];
}
