/* The main thread ends, another one stays until the input ends.  */
#include <pthread.h>
#include <unistd.h>

static void *stay(void *nothing)
{
    char byte;
    (void)!write(1, "0\n", 2);
    while (read(0, &byte, 1) > 0)
        ;
    _exit(0);
    return nothing;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, stay, NULL);
    pthread_exit(NULL);
}
