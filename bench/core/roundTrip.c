// The floor of the round trip: one thread, epoll one-shot, armed by MOD before every wait.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec * 1e6 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1e6 + usage.ru_stime.tv_usec;
}

int main(int count, char **arguments) {
  int trips = count > 1 ? atoi(arguments[1]) : 1;
  int ends[2];
  struct epoll_event event = {.events = EPOLLONESHOT}, events[64];
  char bytes[64] = {0};
  int set = epoll_create1(0);
  if (set < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0) return 1;
  for (int end = 0; end < 2; end++) {
    event.data.fd = ends[end];
    if (epoll_ctl(set, EPOLL_CTL_ADD, ends[end], &event) < 0) return 1;
  }
  double start = cpu();
  for (int trip = 0; trip < trips; trip++) {
    for (int end = 0; end < 2; end++) {
      event.events = EPOLLIN | EPOLLONESHOT;
      event.data.fd = ends[end];
      if (epoll_ctl(set, EPOLL_CTL_MOD, ends[end], &event) < 0) return 1;
      if (write(ends[1 - end], bytes, 64) != 64) return 1;
      if (epoll_wait(set, events, 64, -1) != 1) return 1;
      if (read(ends[end], bytes, 64) != 64) return 1;
    }
  }
  printf("%.6f\n", (cpu() - start) / trips);
  return 0;
}
