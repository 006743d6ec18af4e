/* Heap types, each with one way of handling the reference to its type.

   Balanced     no tp_dealloc of its own: subtype_dealloc gives the reference back
                the way the allocation took it, per thread on a free-threaded build.
   PlainDecref  correct, but its tp_dealloc gives it back with a plain Py_DECREF.
   Leaking      its tp_dealloc forgets to give it back.
   OverDecref   its tp_dealloc gives it back twice.
   Silent       correct, but its tp_traverse does not visit the type; it visits an object
                that may be the type: Silent(kind).
   Sparing      correct, but each thread keeps one dead instance for the next to use, and
                loses it when the thread ends.
   Immortal     nobody counts references to it, as those of classes that mypyc compiles.

   And functions that lose a reference with each call: lose(object) to what it is given,
   lose_bytes() and the like to an object that they make. */

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

typedef struct {
    PyObject_HEAD
    PyObject *kind;
} Silent;

static PyObject *
silent_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *kind = Py_None;
    if (!PyArg_ParseTuple(args, "|O", &kind)) {
        return NULL;
    }
    Silent *self = (Silent *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->kind = Py_NewRef(kind);
    }
    return (PyObject *)self;
}

static int
silent_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((Silent *)self)->kind);
    return 0;
}

static int
silent_clear(PyObject *self)
{
    Py_CLEAR(((Silent *)self)->kind);
    return 0;
}

static void
silent_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    silent_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static _Thread_local PyObject *spare;

static PyObject *
sparing_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    PyObject *self = spare;
    if (self == NULL) {
        return type->tp_alloc(type, 0);
    }
    spare = NULL;
    _Py_NewReference(self);
    return self;
}

static void
sparing_dealloc(PyObject *self)
{
    if (spare == NULL) {
        spare = self;
        return;
    }
    plain_dealloc(self);
}

static void
make_immortal(PyObject *type)
{
#ifdef Py_GIL_DISABLED
    type->ob_tid = 0;
    type->ob_ref_local = UINT32_MAX;
    type->ob_ref_shared = 0;
#endif
}

static PyType_Slot silent_slots[] = {
    {Py_tp_new, silent_new},
    {Py_tp_traverse, silent_traverse},
    {Py_tp_clear, silent_clear},
    {Py_tp_dealloc, silent_dealloc},
    {0, NULL},
};

static PyType_Slot sparing_slots[] = {
    {Py_tp_new, sparing_new},
    {Py_tp_dealloc, sparing_dealloc},
    {0, NULL},
};

static PyType_Slot immortal_slots[] = {
    {0, NULL},
};

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

static PyObject *
lose(PyObject *Py_UNUSED(module), PyObject *object)
{
    Py_INCREF(object);
    Py_RETURN_NONE;
}

/* Lose the only reference to an object, NULL after an error. */
static PyObject *
forget(PyObject *object)
{
    if (object == NULL) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
lose_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return forget(PyBytes_FromString("lost, as nobody gives this back"));
}

static PyObject *
lose_dict(PyObject *Py_UNUSED(module), PyObject *key)
{
    PyObject *made = PyDict_New();
    if (made != NULL && PyDict_SetItem(made, key, Py_True) < 0) {
        Py_CLEAR(made);
    }
    return forget(made);
}

static PyObject *
lose_tuple(PyObject *Py_UNUSED(module), PyObject *number)
{
    return forget(Py_BuildValue("(NNN)", PyUnicode_FromFormat("first %S", number),
                                PyUnicode_FromFormat("second %S", number),
                                PyUnicode_FromFormat("third %S", number)));
}

static PyObject *
lose_list(PyObject *Py_UNUSED(module), PyObject *kind)
{
    return forget(Py_BuildValue("[N]", PyObject_CallNoArgs(kind)));
}

static PyObject *
lose_complex(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return forget(PyComplex_FromDoubles(1.5, 2.5));
}

static PyMethodDef functions[] = {
    {"lose", lose, METH_O, NULL},
    {"lose_bytes", lose_bytes, METH_NOARGS, NULL},
    {"lose_dict", lose_dict, METH_O, NULL},
    {"lose_tuple", lose_tuple, METH_O, NULL},
    {"lose_list", lose_list, METH_O, NULL},
    {"lose_complex", lose_complex, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

#define SPEC(title, its_slots, its_flags)\
    {                                                                      \
        .name = "typerefs." title,.basicsize = sizeof(Widget),             \
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | (its_flags),   \
        .slots = its_slots,                                                \
    }

static PyType_Spec specs[] = {
    SPEC("Balanced", balanced_slots, 0),
    SPEC("PlainDecref", plain_slots, 0),
    SPEC("Leaking", leaking_slots, 0),
    SPEC("OverDecref", over_slots, 0),
    SPEC("Silent", silent_slots, Py_TPFLAGS_HAVE_GC),
    SPEC("Sparing", sparing_slots, 0),
    SPEC("Immortal", immortal_slots, 0),
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
        if (specs[i].slots == immortal_slots) {
            make_immortal(type);
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
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit_typerefs(void)
{
    return PyModuleDef_Init(&definition);
}
