"""What CPython's own sources say of heap types of the standard library.

Read in CPython 3.14.7 and 3.15.0rc2: the file, the ``tp_dealloc`` that instances run
through, and whether it ends in a plain ``Py_DECREF`` of the type.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BALANCED", "PLAIN"]

PLAIN: Final[dict[str, dict[str, str]]] = {
    "Modules/_abc.c": {
        "abc_data_dealloc": "_abc:_abc_data",
    },
    "Modules/_asynciomodule.c": {
        "FutureObj_dealloc": "_asyncio:Future",
        "TaskObj_dealloc": "_asyncio:Task",
    },
    "Modules/_bz2module.c": {
        "BZ2Compressor_dealloc": "_bz2:BZ2Compressor",
        "BZ2Decompressor_dealloc": "_bz2:BZ2Decompressor",
    },
    "Modules/_collectionsmodule.c": {
        "defdict_dealloc": "collections:defaultdict",
        "deque_dealloc": "collections:deque",
        "dequeiter_dealloc": "collections:_deque_iterator collections:_deque_reverse_iterator",
        "tuplegetter_dealloc": "collections:_tuplegetter",
    },
    "Modules/_csv.c": {
        "Dialect_dealloc": "_csv:Dialect",
        "Reader_dealloc": "_csv:reader",
        "Writer_dealloc": "_csv:writer",
    },
    "Modules/_datetimemodule.c": {
        "iso_calendar_date_dealloc": "datetime:IsoCalendarDate",
    },
    "Modules/_decimal/_decimal.c": {
        "context_dealloc": "decimal:Context",
        "dec_dealloc": "decimal:Decimal",
    },
    "Modules/_elementtree.c": {
        "element_dealloc": "xml.etree.ElementTree:Element",
        "treebuilder_dealloc": "xml.etree.ElementTree:TreeBuilder",
        "xmlparser_dealloc": "xml.etree.ElementTree:XMLParser",
    },
    "Modules/_functoolsmodule.c": {
        "keyobject_dealloc": "functools:KeyWrapper",
        "lru_cache_dealloc": "functools:_lru_cache_wrapper",
        "partial_dealloc": "functools:partial",
    },
    "Modules/_hashopenssl.c": {
        "EVP_dealloc": "_hashlib:HASH _hashlib:HASHXOF",  # 3.15: _hashlib_HASH_dealloc
        "_hmac_dealloc": "_hashlib:HMAC",
    },
    "Modules/_io/bufferedio.c": {
        "buffered_dealloc": "_io:BufferedRandom _io:BufferedReader _io:BufferedWriter",
        "bufferedrwpair_dealloc": "_io:BufferedRWPair",
    },
    "Modules/_io/bytesio.c": {
        "bytesio_dealloc": "_io:BytesIO",
    },
    "Modules/_io/fileio.c": {
        "fileio_dealloc": "_io:FileIO",
    },
    "Modules/_io/stringio.c": {
        "stringio_dealloc": "_io:StringIO",
    },
    "Modules/_io/textio.c": {
        "incrementalnewlinedecoder_dealloc": "_io:IncrementalNewlineDecoder",
        "textiowrapper_dealloc": "_io:TextIOWrapper",
    },
    "Modules/_json.c": {
        "encoder_dealloc": "_json:Encoder",
        "scanner_dealloc": "_json:Scanner",
    },
    "Modules/_lsprof.c": {
        "profiler_dealloc": "_lsprof:Profiler",
    },
    "Modules/_lzmamodule.c": {
        "Compressor_dealloc": "_lzma:LZMACompressor",
        "Decompressor_dealloc": "_lzma:LZMADecompressor",
    },
    "Modules/_multiprocessing/semaphore.c": {
        "semlock_dealloc": "_multiprocessing:SemLock",
    },
    "Modules/_operator.c": {
        "attrgetter_dealloc": "operator:attrgetter",
        "itemgetter_dealloc": "operator:itemgetter",
        "methodcaller_dealloc": "operator:methodcaller",
    },
    "Modules/_pickle.c": {
        "Pickler_dealloc": "_pickle:Pickler",
        "Unpickler_dealloc": "_pickle:Unpickler",
    },
    "Modules/_queuemodule.c": {
        "simplequeue_dealloc": "_queue:SimpleQueue",
    },
    "Modules/_sre/sre.c": {
        "match_dealloc": "re:Match",
        "pattern_dealloc": "re:Pattern",
        "scanner_dealloc": "_sre:SRE_Scanner",
    },
    "Modules/_ssl.c": {
        "context_dealloc": "_ssl:_SSLContext",
        "memory_bio_dealloc": "_ssl:MemoryBIO",
    },
    "Modules/_struct.c": {
        "s_dealloc": "_struct:Struct",
        "unpackiter_dealloc": "_struct:unpack_iterator",
    },
    "Modules/_threadmodule.c": {
        "local_dealloc": "_thread:_local",
        "lock_dealloc": "_thread:lock",
        "rlock_dealloc": "_thread:RLock",
    },
    "Modules/arraymodule.c": {
        "array_dealloc": "array:array",
        "arrayiter_dealloc": "array:arrayiterator",
    },
    "Modules/blake2module.c": {
        "py_blake2_dealloc": "_blake2:blake2b",
    },
    "Modules/hmacmodule.c": {
        "HMACObject_dealloc": "_hmac:HMAC",
    },
    "Modules/itertoolsmodule.c": {
        "_grouper_dealloc": "itertools:_grouper",
        "accumulate_dealloc": "itertools:accumulate",
        "batched_dealloc": "itertools:batched",
        "chain_dealloc": "itertools:chain",
        "combinations_dealloc": "itertools:combinations",
        "compress_dealloc": "itertools:compress",
        "count_dealloc": "itertools:count",
        "cwr_dealloc": "itertools:combinations_with_replacement",
        "cycle_dealloc": "itertools:cycle",
        "dropwhile_dealloc": "itertools:dropwhile",
        "filterfalse_dealloc": "itertools:filterfalse",
        "groupby_dealloc": "itertools:groupby",
        "islice_dealloc": "itertools:islice",
        "pairwise_dealloc": "itertools:pairwise",
        "permutations_dealloc": "itertools:permutations",
        "product_dealloc": "itertools:product",
        "repeat_dealloc": "itertools:repeat",
        "starmap_dealloc": "itertools:starmap",
        "takewhile_dealloc": "itertools:takewhile",
        "zip_longest_dealloc": "itertools:zip_longest",
    },
    "Modules/md5module.c": {
        "MD5_dealloc": "_md5:md5",
    },
    "Modules/mmapmodule.c": {
        "mmap_object_dealloc": "mmap:mmap",
    },
    "Modules/pyexpat.c": {
        "xmlparse_dealloc": "pyexpat:xmlparser",
    },
    "Modules/selectmodule.c": {
        "poll_dealloc": "select:poll",
        "pyepoll_dealloc": "select:epoll",
    },
    "Modules/sha1module.c": {
        "SHA1_dealloc": "_sha1:sha1",
    },
    "Modules/sha2module.c": {
        "SHA256_dealloc": "_sha2:SHA256Type",
        "SHA512_dealloc": "_sha2:SHA512Type",
    },
    "Modules/socketmodule.c": {
        "sock_dealloc": "_socket:socket",
    },
    "Objects/typevarobject.c": {
        "paramspec_dealloc": "typing:ParamSpec",
        "typevar_dealloc": "typing:TypeVar",
        "typevartuple_dealloc": "typing:TypeVarTuple",
    },
    "Modules/_ctypes/_ctypes.c": {
        "PyCData_dealloc": "ctypes:c_int ctypes:c_double",  # of their base, _CData
    },
    "Objects/structseq.c": {
        # For heap types, which these are.
        "structseq_dealloc": "os:stat_result os:terminal_size time:struct_time",
    },
    "Python/Python-ast.c": {
        "ast_dealloc": "ast:AST ast:Load ast:Pass",
    },
    "Modules/zlibmodule.c": {
        # The first two by way of compobject_dealloc_impl.
        "Comp_dealloc": "zlib:Compress",
        "Decomp_dealloc": "zlib:Decompress",
        "ZlibDecompressor_dealloc": "zlib:_ZlibDecompressor",
    },
}
"""Source file -> ``tp_dealloc`` that ends in ``Py_DECREF(tp)`` -> types it frees."""

BALANCED: Final[dict[str, str]] = {
    "Modules/_randommodule.c": "_random:Random",
    "Modules/_csv.c": "_csv:Error",
    "Modules/_ssl.c": "ssl:SSLError ssl:SSLZeroReturnError",
    "Modules/_struct.c": "struct:error",
    "Modules/zlibmodule.c": "zlib:error",
    "Modules/binascii.c": "binascii:Error binascii:Incomplete",
    "Modules/_decimal/_decimal.c": "decimal:InvalidOperation",
    "Modules/_queuemodule.c": "_queue:Empty",
    "Modules/_pickle.c": "_pickle:PicklingError",
    "Modules/socketmodule.c": "socket:gaierror",
    "Modules/_sqlite/module.c": "sqlite3:Error",
    "Lib/collections/__init__.py": "collections:Counter collections:ChainMap collections:UserList",
    "Lib/random.py": "random:Random",
    "Lib/queue.py": "queue:Queue",
    "Lib/string/__init__.py": "string:Formatter",
    "Lib/types.py": "types:DynamicClassAttribute",
}
"""Source file -> types without a ``tp_dealloc`` of their own whose bases are static.

``subtype_dealloc`` (Objects/typeobject.c) frees them, and ends in ``_Py_DECREF_TYPE``.
"""
