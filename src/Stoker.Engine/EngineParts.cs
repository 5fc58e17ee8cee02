using Stoker.Engine.Models;
using Stoker.Engine.Sampling;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine;

/// <summary>What an engine is put together from; a test may bring its own model and text.</summary>
/// <param name="WeightBytes">Memory that the weights take.</param>
internal sealed record EngineParts(
    ILanguageModel Model, ITextDecoder Text, GenerationDefaults Defaults, long WeightBytes, string KernelSet, int Threads);
