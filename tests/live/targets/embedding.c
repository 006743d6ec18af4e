/* A program that is not called python and has one inside.  */
#include <Python.h>
#include <stdio.h>

extern char _PyRuntime[];

int main(void)
{
    char byte;
    Py_Initialize();
    printf("%lu\n", (unsigned long)_PyRuntime);
    fflush(stdout);
    (void)!fread(&byte, 1, 1, stdin);
    return 0;
}
