"""The benchmarks behind ./bench.sh; each one that can be called is a file of its own."""
