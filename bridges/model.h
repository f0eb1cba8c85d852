/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meter models: one YAML file each in config/models, shipped with the program and not edited
 * by users. Reading one gives every fault of the file at once.
 *
 *   name: Eastron SDM120
 *   protocol: modbus
 *   source: ...where the register map comes from...
 *   line: 2400:8N1
 *   points:
 *     - {quantity: forward_active_energy, ...keys of the protocol...}
 */
#ifndef BRIDGES_MODEL_H
#define BRIDGES_MODEL_H

#include "bridges/bridge.h"

/*
 * Reads a model file into *out. BRIDGE_ECONFIG: said in *faults; *out is then unusable.
 */
MUST_CHECK enum bridge_status model_load(const char *path, struct fault_list *faults,
                                         struct model *out);
/* The same from memory; name is the file's, "dir/acme-m1.yaml". */
MUST_CHECK enum bridge_status model_parse(const char *name, const char *text, size_t len,
                                          struct fault_list *faults, struct model *out);

/* The index of the point that gives a quantity, or model->point_count. */
size_t model_point_of(const struct model *model, uint16_t quantity);

#endif
