using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.LlamaCpp;

// The C structs of one build of llama.cpp, those of the package that PeerPackage names. They are declared by hand, so
// LlamaLibrary holds them against the build's own defaults before they are used.

/// <summary>llama_model_params; taken and passed on as the defaults are.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaModelParameters
{
    public fixed ulong Words[10];
}

/// <summary>llama_context_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaContextParameters
{
    public uint ContextLength, BatchSize, MicroBatchSize, MaxSequences, RecurrentSequences, MaxOutputs, Unknown1;
    public int Threads, BatchThreads, ContextType, RopeScalingType, PoolingType, AttentionType, FlashAttention;
    public float RopeBase, RopeScale;
    public fixed float Yarn[4];
    public uint YarnContext;
    public float DefragmentationThreshold;
    public void* EvaluationCallback, EvaluationData;
    public int KeyType, ValueType;
    public void* AbortCallback, AbortData;
    public byte Embeddings, OffloadKv, NoTimings, OffloadOperations, FullSlidingCache, UnifiedKv;
    public void* Samplers;
    public nuint SamplerCount;
    public void* Unknown2;
}

/// <summary>llama_batch.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaBatch
{
    public int Count;
    public int* Tokens;
    public float* Embeddings;
    public int* Positions;
    public int* SequenceCounts;
    public int** Sequences;
    public sbyte* WantLogits;
}

/// <summary>ggml_threadpool_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GgmlThreadpoolParameters
{
    public fixed byte CpuMask[512];
    public int Threads, Priority;
    public uint Polling;
    public byte StrictCpu, Paused;
}
