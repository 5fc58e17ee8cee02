using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.LlamaCpp;

/// <summary>The C functions of libllama and libggml that the comparison needs, called straight: nothing lies between.</summary>
internal sealed unsafe class LlamaLibrary
{
    private readonly nint _llama, _ggml, _base;
    private readonly delegate* unmanaged<GgmlThreadpoolParameters*, void*> _newPool;
    private readonly delegate* unmanaged<void*, void> _pausePool;

    /// <exception cref="UsageException">The build's structs are not those declared here.</exception>
    public LlamaLibrary(PeerPackage package)
    {
        // Each finds the one before it by its name, since it is loaded already.
        _base = NativeLibrary.Load(Path.Combine(package.Libraries, "libggml-base.so"));
        _ggml = NativeLibrary.Load(Path.Combine(package.Libraries, $"libggml.{package.Release}.so"));
        _llama = NativeLibrary.Load(Path.Combine(package.Libraries, $"libllama.{package.Release}.so"));
        ((delegate* unmanaged<delegate* unmanaged<int, byte*, void*, void>, void*, void>)Llama("log_set"))(&IgnoreLog, null);
        WithText(package.Libraries, path => ((delegate* unmanaged<byte*, void>)Ggml("backend_load_all_from_path"))(path));
        ((delegate* unmanaged<void>)Llama("backend_init"))();
        CheckLayout();

        // The pool lives in the backend that was picked for this CPU. Pausing is no registered function: by its symbol.
        void* registry = null;
        WithText("CPU", name => registry = ((delegate* unmanaged<byte*, void*>)Ggml("backend_reg_by_name"))(name));
        _newPool = (delegate* unmanaged<GgmlThreadpoolParameters*, void*>)BackendFunction(registry, "ggml_threadpool_new");
        Backend = LoadedBackend();
        _pausePool = (delegate* unmanaged<void*, void>)NativeLibrary.GetExport(NativeLibrary.Load(Backend), "ggml_threadpool_pause");
        Decode = (delegate* unmanaged<void*, LlamaBatch, int>)Llama("decode");
        LogitsOf = (delegate* unmanaged<void*, int, float*>)Llama("get_logits_ith");
    }

    private delegate void TextAction(byte* text);

    /// <summary>0 when all went well.</summary>
    public delegate* unmanaged<void*, LlamaBatch, int> Decode { get; }

    /// <summary>Logits of the i-th token of the batch; waits for them.</summary>
    public delegate* unmanaged<void*, int, float*> LogitsOf { get; }

    /// <summary>Path of the library with the kernels for this CPU.</summary>
    public string Backend { get; }

    /// <summary>Instruction sets and build flags, as llama.cpp prints them.</summary>
    public string SystemInfo => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Llama("print_system_info"))())!;

    public LlamaContextParameters ContextDefaults =>
        ((delegate* unmanaged<LlamaContextParameters>)Llama("context_default_params"))();

    /// <summary>With the build's defaults: the file is mapped.</summary>
    /// <exception cref="UsageException">llama.cpp refuses the file.</exception>
    public void* LoadModel(string path)
    {
        var defaults = ((delegate* unmanaged<LlamaModelParameters>)Llama("model_default_params"))();
        void* model = null;
        WithText(path, text => model = ((delegate* unmanaged<byte*, LlamaModelParameters, void*>)Llama("model_load_from_file"))(text, defaults));
        return model is null ? throw new UsageException($"llama.cpp does not load {path}.") : model;
    }

    public void FreeModel(void* model) => ((delegate* unmanaged<void*, void>)Llama("model_free"))(model);

    public int VocabularySize(void* model)
    {
        var vocabulary = ((delegate* unmanaged<void*, void*>)Llama("model_get_vocab"))(model);
        return ((delegate* unmanaged<void*, int>)Llama("vocab_n_tokens"))(vocabulary);
    }

    public void* NewContext(void* model, LlamaContextParameters parameters)
    {
        var context = ((delegate* unmanaged<void*, LlamaContextParameters, void*>)Llama("init_from_model"))(model, parameters);
        return context is null ? throw new InvalidOperationException("llama.cpp makes no context for this model.") : context;
    }

    public void FreeContext(void* context) => ((delegate* unmanaged<void*, void>)Llama("free"))(context);

    public void ClearMemory(void* context)
    {
        var memory = ((delegate* unmanaged<void*, void*>)Llama("get_memory"))(context);
        ((delegate* unmanaged<void*, byte, void>)Llama("memory_clear"))(memory, 1);
    }

    public LlamaBatch NewBatch(int tokens) => ((delegate* unmanaged<int, int, int, LlamaBatch>)Llama("batch_init"))(tokens, 0, 1);

    /// <summary>
    /// A pool whose threads are pinned, one on each of the first CPUs, and spin between two graphs: the best form, as
    /// llama-bench has it with --cpu-strict 1 --poll 100.
    /// </summary>
    public void* NewPool(int threads)
    {
        var parameters = ((delegate* unmanaged<int, GgmlThreadpoolParameters>)Base("threadpool_params_default"))(threads);
        for (var cpu = 0; cpu < threads; cpu++) parameters.CpuMask[cpu] = 1;
        (parameters.StrictCpu, parameters.Polling) = (1, 100);
        var pool = _newPool(&parameters);
        return pool is null ? throw new InvalidOperationException("llama.cpp makes no thread pool.") : pool;
    }

    /// <summary>Its threads sleep until the next graph.</summary>
    public void PausePool(void* pool) => _pausePool(pool);

    public void Attach(void* context, void* pool) => ((delegate* unmanaged<void*, void*, void*, void>)Llama("attach_threadpool"))(context, pool, null);

    [UnmanagedCallersOnly]
    private static void IgnoreLog(int level, byte* text, void* data)
    {
        // Load messages are of no interest, and what fails is told by a null or a code.
    }

    /// <summary>Fields at the start, middle and end: a field more or less anywhere shifts one of them.</summary>
    private void CheckLayout()
    {
        var context = ContextDefaults;
        var pool = ((delegate* unmanaged<int, GgmlThreadpoolParameters>)Base("threadpool_params_default"))(3);
        var known = sizeof(LlamaContextParameters) == 0xA0 && sizeof(LlamaBatch) == 56
            && context is { ContextLength: 512, BatchSize: 2048, MicroBatchSize: 512, MaxSequences: 1, Threads: 4, BatchThreads: 4 }
            && context is { RopeScalingType: -1, PoolingType: -1, AttentionType: -1, FlashAttention: -1, KeyType: 1, ValueType: 1, OffloadOperations: 1 }
            && pool is { Threads: 3, StrictCpu: 0, Paused: 0 } && pool.Polling <= 100;
        if (!known) throw new UsageException("The struct layout does not match this build of llama.cpp.");
    }

    private void* BackendFunction(void* registry, string name)
    {
        void* function = null;
        WithText(name, text => function = ((delegate* unmanaged<void*, byte*, void*>)Ggml("backend_reg_get_proc_address"))(registry, text));
        return function is null ? throw new UsageException($"This build of llama.cpp has no {name}.") : function;
    }

    /// <summary>A line of /proc/self/maps ends in the file's path.</summary>
    private static string LoadedBackend() => File.ReadLines("/proc/self/maps")
        .Select(line => line[(line.IndexOf('/', StringComparison.Ordinal) + 1)..])
        .Select(path => "/" + path)
        .FirstOrDefault(path => Path.GetFileName(path).StartsWith("libggml-cpu-", StringComparison.Ordinal))
        ?? throw new UsageException("llama.cpp loaded no CPU backend.");

    private static void WithText(string text, TextAction use)
    {
        var native = Marshal.StringToCoTaskMemUTF8(text);
        use((byte*)native);
        Marshal.FreeCoTaskMem(native);
    }

    private void* Llama(string name) => (void*)NativeLibrary.GetExport(_llama, "llama_" + name);

    private void* Ggml(string name) => (void*)NativeLibrary.GetExport(_ggml, "ggml_" + name);

    private void* Base(string name) => (void*)NativeLibrary.GetExport(_base, "ggml_" + name);
}
