// Writes so many bytes to its standard output, as fast as the reader takes them.
#include <stdlib.h>
#include <unistd.h>

static char bytes[1 << 16];

int main(int count, char **arguments) {
  long left = count > 1 ? atol(arguments[1]) : 0;
  while (left > 0) {
    ssize_t written = write(1, bytes, left < (long)sizeof bytes ? (size_t)left : sizeof bytes);
    if (written <= 0) return 1;
    left -= written;
  }
  return 0;
}
