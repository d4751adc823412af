/* Measures OpenSSL's MD5 for the keys on stdin (one key per line). Prints one line per round: the nanoseconds
 * of processor time per key. */
#include <openssl/md5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 1;
  size_t count = 0, room = 1 << 20;
  char **keys = malloc(room * sizeof *keys);
  size_t *sizes = malloc(room * sizeof *sizes);
  char line[4096];
  while (count < room && fgets(line, sizeof line, stdin)) {
    sizes[count] = strcspn(line, "\n");
    keys[count] = malloc(sizes[count] + 1);
    memcpy(keys[count], line, sizes[count]);
    count++;
  }
  unsigned sum = 0;
  for (int round = 0; round < rounds; round++) {
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (size_t i = 0; i < count; i++) {
      unsigned char digest[16];
      MD5((unsigned char *)keys[i], sizes[i], digest);
      sum += digest[0];
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    printf("%.2f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / count);
  }
  fprintf(stderr, "%u\n", sum);
  return 0;
}
