// A CUDA program that ends with 0 only when the GPU really added two vectors: nvidia-smi alone does not prove that anything computes.
#include <cstdio>

__global__ void add(const float *a, const float *b, float *c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}

static int fail(const char *what, cudaError_t error) {
    fprintf(stderr, "%s: Error %d: %s\n", what, (int)error, cudaGetErrorString(error));
    return 1;
}

int main() {
    const int n = 1 << 20;
    float *a, *b, *c;
    cudaError_t error = cudaMalloc(&a, n * sizeof(float));
    if (error == cudaSuccess) error = cudaMalloc(&b, n * sizeof(float));
    if (error == cudaSuccess) error = cudaMalloc(&c, n * sizeof(float));
    if (error != cudaSuccess) return fail("cudaMalloc", error);
    float *host = new float[n];
    for (int i = 0; i < n; i++) host[i] = (float)i;
    cudaMemcpy(a, host, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpy(b, host, n * sizeof(float), cudaMemcpyHostToDevice);
    add<<<(n + 255) / 256, 256>>>(a, b, c, n);
    error = cudaMemcpy(host, c, n * sizeof(float), cudaMemcpyDeviceToHost);
    if (error != cudaSuccess) return fail("add", error);
    for (int i = 0; i < n; i++)
        if (host[i] != 2.0f * (float)i) {
            fprintf(stderr, "wrong sum at %d\n", i);
            return 1;
        }
    printf("vectoradd %d ok\n", n);
    return 0;
}
