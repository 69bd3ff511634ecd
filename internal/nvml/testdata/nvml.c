// A management library of two devices for the tests, with the declarations of NVIDIA's nvml.h.
// The second device tells its memory and nothing else, as a part of a GPU does.
#include <string.h>

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct { unsigned int gpu; unsigned int memory; } nvmlUtilization_t;
typedef struct { unsigned long long total; unsigned long long free; unsigned long long used; } nvmlMemory_t;

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, DRIVER_NOT_LOADED = 9 };

#ifndef STARTED
#define STARTED SUCCESS
#endif

static int running;
static char first, second;

static int whole(nvmlDevice_t d) { return running && (char *)d == &first; }

const char *nvmlErrorString(nvmlReturn_t r) { return r == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "Other"; }
nvmlReturn_t nvmlInit_v2(void) { running = STARTED == SUCCESS; return STARTED; }
nvmlReturn_t nvmlShutdown(void) { if (!running) return INVALID; running = 0; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *n) { *n = 2; return running ? SUCCESS : INVALID; }
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int i, nvmlDevice_t *d) {
  if (i > 1) return INVALID;
  *d = (nvmlDevice_t)(i ? &second : &first);
  return SUCCESS;
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t d, char *uuid, unsigned int length) {
  const char *name = whole(d) ? "GPU-11111111-2222-3333-4444-555555555555" : "GPU-2";
  if (length < strlen(name) + 1) return INVALID;
  strcpy(uuid, name);
  return SUCCESS;
}
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t d, nvmlUtilization_t *u) {
  u->gpu = 37; u->memory = 12;
  return whole(d) ? SUCCESS : NOT_SUPPORTED;
}
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t d, nvmlMemory_t *m) {
  m->total = 85899345920ULL; m->free = 64424509440ULL; m->used = 21474836480ULL;
  if (!whole(d)) m->total /= 2;
  return SUCCESS;
}
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t d, unsigned int *mw) { *mw = 312500; return whole(d) ? SUCCESS : NOT_SUPPORTED; }
nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t d, unsigned int *mw) { *mw = 700000; return whole(d) ? SUCCESS : NOT_SUPPORTED; }
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t d, unsigned long long *mj) { *mj = 9876543210ULL; return whole(d) ? SUCCESS : NOT_SUPPORTED; }
