/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "net/routed.h"
#include "tap.h"

int main(void)
{
	char interface[IFNAMSIZ];

	routed_interface_name(16, interface);
	check(!strcmp(interface, "ve-16"), "the host end is named after the id");
	routed_interface_name(65000, interface);
	check(!strcmp(interface, "ve-65000"), "also the largest");
	routed_interface_name(UINT64_MAX, interface);
	check(strlen(interface) < IFNAMSIZ && !strncmp(interface, "ve-", 3), "an id that is nonsense cannot overflow the name");
	return tap_done();
}
