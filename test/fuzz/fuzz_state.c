/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The run file. */
#include "container/state.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_state state;
	char *text = fuzz_text(data, size);

	if (state_parse(text, size, &state)) {
		must(state.init.pid >= 0 && state.monitor.pid >= 0);
	}
	free(text);
	return 0;
}
