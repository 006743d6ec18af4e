"""Print the layout that was discovered in this process, and the sizes that CPython publishes."""

import json

import inspector

layout = inspector.attach().layout
print(
    json.dumps(
        {
            "evidence": {each.field: each.value for each in layout.offsets},
            "published": layout.published,
            "ht_qualname": layout.ht_qualname,
            "tp_fields": {
                name: layout.type_field(name)
                for name in (
                    "tp_basicsize",
                    "tp_dealloc",
                    "tp_base",
                    "tp_dict",
                    "tp_mro",
                    "tp_subclasses",
                    "tp_version_tag",
                )
            },
        }
    )
)
