/* Copyright (c) 2026 gpudev.workstation contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * STUB of libdxcore.so: one adapter and its driver store, as far as NVIDIA's toolkit asks (NVIDIA/nvidia-container-toolkit v1.17.8, internal/dxcore/dxcore.c). */
#include <string.h>
#include <wchar.h>

struct adapter { unsigned handle; struct { unsigned low; int high; } luid; unsigned sources; unsigned moves; };
struct enum2 { unsigned count; struct adapter *adapters; };
struct enum3 { unsigned long long filter; unsigned count; struct adapter *adapters; };
struct query { unsigned handle; int type; void *data; unsigned size; };
struct registry {
    int type; unsigned flags; wchar_t name[260]; unsigned value_type; unsigned physical; unsigned size; int status;
    union { unsigned long long number; wchar_t text; } value;
};

static const wchar_t STORE[] = L"/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1";

static int one(unsigned *count, struct adapter *to)
{
    *count = 1;
    if (to) {
        memset(to, 0, sizeof *to);
        to->handle = 1;
    }
    return 0;
}

int D3DKMTEnumAdapters2(struct enum2 *asked) { return one(&asked->count, asked->adapters); }

int D3DKMTEnumAdapters3(struct enum3 *asked) { return one(&asked->count, asked->adapters); }

int D3DKMTQueryAdapterInfo(struct query *asked)
{
    unsigned size = sizeof STORE - sizeof(wchar_t);
    struct registry *registry = asked->data;
    if (asked->type == 13) { /* the version of the driver model */
        *(unsigned *)asked->data = 3100;
        return 0;
    }
    if (registry->size >= size)
        memcpy(&registry->value.text, STORE, size);
    registry->size = size;
    registry->status = 0;
    return 0;
}
