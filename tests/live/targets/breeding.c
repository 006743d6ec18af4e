/* Threads that do nothing but start the next one and end: some are always being born.  */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_attr_t detached;

static void *breed(void *nothing)
{
    pthread_t next;
    while (pthread_create(&next, &detached, breed, nothing))
        ;
    return NULL;
}

int main(int argc, char **argv)
{
    int lines = argc > 1 ? atoi(argv[1]) : 1;
    char byte;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 64 * 1024);
    while (lines--)
        breed(NULL);
    puts("0");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {
        puts("1");
        fflush(stdout);
    }
    _exit(0);
}
