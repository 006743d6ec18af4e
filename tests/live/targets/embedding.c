/* A program that is not called python and has one inside, with seven instances.  */
#include <Python.h>
#include <stdio.h>

extern char _PyRuntime[];

int main(void)
{
    char byte;
    Py_Initialize();
    PyRun_SimpleString("class Held: pass\nclass Bare: pass\nheld = [Held() for _ in range(7)]");
    printf("%lu\n", (unsigned long)_PyRuntime);
    fflush(stdout);
    (void)!fread(&byte, 1, 1, stdin);
    return 0;
}
