/* torture_main.c: main of imld-torture: the daemon's sources, its own main renamed to imld_main by
 * the build, behind the faults that the environment asks for. */
#include "fault.h"

int imld_main(int argc, char **argv);

int main(int argc, char **argv)
{
    return fault_from_environment() ? imld_main(argc, argv) : 2;
}
