using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Speculation;

/// <summary>Opens the model, or the head, that drafts for another model.</summary>
internal static class DraftModel
{
    /// <param name="team">The target's: the two never compute at once.</param>
    /// <param name="target">What it drafts for, from <paramref name="targetFolder"/> and with <paramref name="tokenizer"/>; keeps its states from here on for a head.</param>
    /// <returns>One of the two.</returns>
    /// <exception cref="ModelLoadException">The folder is neither, or cannot draft for this model; the file is named with its folder, since two models are being opened.</exception>
    /// <exception cref="ArgumentException">There is not the memory for it.</exception>
    public static (DecoderModel? Draft, EagleHead? Head) Open(
        string folder, EngineOptions options, KernelSet kernels, ThreadTeam team, DecoderModel target, string targetFolder, Tokenizer tokenizer,
        ICollection<string> notes)
    {
        try
        {
            return IsEagle(folder)
                ? (null, LoadEagle(folder, options, kernels, team, target, targetFolder, notes))
                : (Load(folder, options, kernels, team, target, targetFolder, tokenizer, notes), null);
        }
        catch (ModelLoadException error) when (error.File != folder && !error.File.StartsWith($"{Name(folder)}/", StringComparison.Ordinal))
        {
            throw new ModelLoadException($"{Name(folder)}/{error.File}", error.Item, error.Reason, error);
        }
    }

    private static DecoderModel Load(
        string folder, EngineOptions options, KernelSet kernels, ThreadTeam team, DecoderModel target, string targetFolder, Tokenizer tokenizer,
        ICollection<string> notes)
    {
        CheckTokenizer(folder, tokenizer, Name(targetFolder));
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        var packed = PackedModel.Open(folder, options.Precision, options.Packed == PackedUse.Never ? PackedUse.Never : PackedUse.Auto, notes);
        var model = LanguageModel.Load(
            folder, kernels, team,
            new()
            {
                ContextLength = Math.Min(target.Shape.ContextLength, spec.MaxContextLength),
                Precision = options.Precision,
                Packed = packed?.Weights,
                MemoryBytes = MemoryBeside(target, options),
                LockMemory = options.LockMemory,
                Notes = notes,
            });
        if (model.Shape.VocabularySize >= tokenizer.VocabularySize) return model;
        var rows = model.Shape.VocabularySize;
        model.Dispose();
        throw Unfit(folder, LanguageModel.ConfigFile, $"vocab_size is {rows}, and {Name(targetFolder)}, which it is to draft for, has {tokenizer.VocabularySize} tokens");
    }

    /// <summary>Whether the files are of a head that drafts on the target's states, and not of a model of its own.</summary>
    /// <exception cref="ModelLoadException">Of neither.</exception>
    public static bool IsEagle(string folder)
    {
        if (!Directory.Exists(folder)) throw new ModelLoadException(folder, null, "there is no such folder for the draft model");
        if (File.Exists(Path.Combine(folder, PeftAddon.ConfigFile)))
        {
            throw new ModelLoadException(PeftAddon.ConfigFile, null, $"{Name(folder)} is a LoRA addon, which cannot draft; name a small model of the same family");
        }
        using var checkpoint = Checkpoint.Open(folder, WeightPlacement.None);
        return EagleDraft.IsOne(ConfigObject.Read(folder, LanguageModel.ConfigFile), checkpoint);
    }

    private static EagleHead LoadEagle(
        string folder, EngineOptions options, KernelSet kernels, ThreadTeam team, DecoderModel target, string targetFolder, ICollection<string> notes)
    {
        var head = EagleHead.Load(
            folder, target, kernels, team,
            new() { Precision = options.Precision, MemoryBytes = MemoryBeside(target, options), LockMemory = options.LockMemory, Notes = notes },
            Name(targetFolder));
        target.KeepStates();
        return head;
    }

    private static long MemoryBeside(DecoderModel target, EngineOptions options) =>
        Math.Min(options.MemoryBudgetBytes ?? long.MaxValue, MachineMemory.LimitBytes()) - target.WeightBytes;

    /// <summary>A draft is a token id: it must mean the same to both.</summary>
    private static void CheckTokenizer(string folder, Tokenizer target, string name)
    {
        var own = Tokenizer.Load(folder);
        if (own.VocabularySize != target.VocabularySize)
        {
            throw Unfit(folder, "tokenizer.json", $"has {own.VocabularySize} tokens, and that of {name}, which it is to draft for, has {target.VocabularySize}");
        }
        for (var id = 0; id < own.VocabularySize; id++)
        {
            if (own.IsSpecial(id) == target.IsSpecial(id) && own.TokenBytes(id).Span.SequenceEqual(target.TokenBytes(id).Span)) continue;
            throw Unfit(folder, "tokenizer.json", $"token {id} is another one than in {name}, which it is to draft for");
        }
    }

    private static ModelLoadException Unfit(string folder, string file, string reason) => new(
        $"{Name(folder)}/{file}", null, $"{reason}; a draft model must have the same tokenizer: name one of the same family, or leave it out");

    private static string Name(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
}
