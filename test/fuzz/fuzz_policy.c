/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth.conf. */
#include "config/policy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy;
	struct berth_error err = { 0 };
	char *text = fuzz_text(data, size);

	if (policy_parse(text, size, &policy, &err) == 0) {
		for (size_t i = 0; i < policy.plan_count; i++) {
			const struct plan *plan;
			struct container_config config;

			must(policy_find_plan(&policy, policy.plans[i].name, &plan, &err) == 0);
			must(!plan->config.given[KEY_IP] && !plan->config.given[KEY_UUID] && !plan->config.given[KEY_PLAN]);
			config_init(&config);
			config_merge(&config, &plan->config);
			must(!memcmp(&config, &plan->config, sizeof(config)));
		}
		must(policy.memory_oversell == UNLIMITED || policy.memory_oversell <= 1000000);
	} else {
		must(err.text[0] && err.kind);
	}
	policy_free(&policy);
	free(text);
	return 0;
}
