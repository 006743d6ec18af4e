/* Threads that count as fast as they can.  Each line of input is answered with how many
   real-time signals were handled so far.  */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST 64
static volatile long counts[MOST];
/* Signals to a process reach any of its threads, two of them at once.  */
static volatile long handled;

static void handle(int number)
{
    (void)number;
    __atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *count(void *place)
{
    for (;;)
        ++*(volatile long *)place;
    return NULL;
}

static void start(int index)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, count, (void *)&counts[index]))
        abort();
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    char line[16];
    signal(SIGRTMIN, handle);
    for (int index = 0; index < threads; index++)
        start(index);
    printf("{\"counts\": %lu, \"threads\": %d}\n", (unsigned long)counts, threads);
    fflush(stdout);
    for (;;) {
        ssize_t size = read(0, line, sizeof line);
        if (size == 0)
            break;
        printf("%ld\n", handled);
        fflush(stdout);
    }
    _exit(0);
}
