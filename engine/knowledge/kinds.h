/* kinds.h: the knowledge of this folder, for the table in knowledges.c; one line each. */
#ifndef IMLD_ENGINE_KNOWLEDGE_KINDS_H
#define IMLD_ENGINE_KNOWLEDGE_KINDS_H

#include "imld/knowledge.h"

extern const struct iml_knowledge_kind iml_l2_per_parameter;
extern const struct iml_knowledge_kind iml_l2_per_layer;
extern const struct iml_knowledge_kind iml_confidence_network;
extern const struct iml_knowledge_kind iml_weights_per_example;

#endif
