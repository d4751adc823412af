/** Locations of the four servers that every test file shares; each file keeps to its own namespaces. */
export function sharedLocations(): string[] {
  const locations = process.env['DREDIS_TEST_LOCATIONS'];
  if (!locations) throw new Error('DREDIS_TEST_LOCATIONS is not set: the global set-up did not run');
  return locations.split(',');
}
