/* Four heap types, each with one way of handling the reference to its type.

   Balanced     no tp_dealloc of its own: subtype_dealloc gives the reference back
                the way the allocation took it, per thread on a free-threaded build.
   PlainDecref  correct, but its tp_dealloc gives it back with a plain Py_DECREF.
   Leaking      its tp_dealloc forgets to give it back.
   OverDecref   its tp_dealloc gives it back twice. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* References that OverDecref can lose before anybody would notice by crashing. */
#define CUSHION 1000000

typedef struct {
    PyObject_HEAD
    long payload;
} Widget;

static void
plain_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static void
leaking_dealloc(PyObject *self)
{
    Py_TYPE(self)->tp_free(self);
}

static void
over_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
    Py_DECREF(type);
}

static PyType_Slot balanced_slots[] = {
    {Py_tp_doc, "Balanced()"},
    {0, NULL},
};

static PyType_Slot plain_slots[] = {
    {Py_tp_dealloc, plain_dealloc},
    {0, NULL},
};

static PyType_Slot leaking_slots[] = {
    {Py_tp_dealloc, leaking_dealloc},
    {0, NULL},
};

static PyType_Slot over_slots[] = {
    {Py_tp_dealloc, over_dealloc},
    {0, NULL},
};

#define SPEC(title, its_slots)\
    {                                                                      \
        .name = "typerefs." title,.basicsize = sizeof(Widget),             \
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,                 \
        .slots = its_slots,                                                \
    }

static PyType_Spec specs[] = {
    SPEC("Balanced", balanced_slots),
    SPEC("PlainDecref", plain_slots),
    SPEC("Leaking", leaking_slots),
    SPEC("OverDecref", over_slots),
};

static int
add_types(PyObject *module)
{
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, &specs[i], NULL);
        if (type == NULL || PyModule_AddType(module, (PyTypeObject *)type) < 0) {
            Py_XDECREF(type);
            return -1;
        }
        if (specs[i].slots == over_slots) {
            for (int n = 0; n < CUSHION; n++) {
                Py_INCREF(type);
            }
        }
        Py_DECREF(type);
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, add_types},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "typerefs",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit_typerefs(void)
{
    return PyModuleDef_Init(&definition);
}
