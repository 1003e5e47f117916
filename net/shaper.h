/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rates, by tc. In bits a second of whole frames; UNLIMITED is none. Setting what is set is fine. */
#pragma once

#include "net/rtnl.h"

/* What the host sends on the interface: CAKE where the kernel has it (4.19), else TBF with fq_codel, else with a plain queue. A change keeps
 * what is queued. BERTH_REFUSED on a kernel without any. */
int shaper_set(struct rtnl *rtnl, int index, const char *name, uint64_t rate, struct berth_error *err);

/* What comes in on the interface goes by way of the IFB device, which is shaped as above: a guest's own end could be left alone by the guest. */
int shaper_redirect(struct rtnl *rtnl, int index, const char *name, int ifb_index, struct berth_error *err);
int shaper_remove_redirect(struct rtnl *rtnl, int index, const char *name, struct berth_error *err);
