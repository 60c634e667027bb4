/* A request of anybody who reaches the socket. */
#include "manage/control.h"

#include "host/fake/fake.h"
#include "manage/fake_vms.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char line[] = "    0.001 [rt] crashed: \"double fault\"\n";
	static char text[4096];
	static u8 log_data[256];
	struct answer answer = { .text = text, .size = sizeof(text) };
	struct history log = { .wake_at = 0 };
	struct control control = { .system = "demo", .process = 1, .log = &log };

	fake_vms_set_up();
	history_init(&log, log_data, sizeof(log_data));
	history_append(&log, line, sizeof(line) - 1);
	/* Names and reasons are what others wrote, too. */
	if (size > 64) {
		memcpy(fake_vms[2].failure, data + size - 40, 40);
		memcpy(log_data, data + size - 32, 32);
		size -= 40;
	}
	control_answer(&control, (const char *)data, size, &answer);
	if (strlen(text) != answer.used || answer.cut)
		__builtin_trap();
	return 0;
}
