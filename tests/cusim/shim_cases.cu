#include "cuda_mma.h"
int main(){return 0;}
