namespace Stoker.Engine;

/// <summary>An addon that requests may name.</summary>
/// <param name="Digest">SHA-256 of what decides its numbers, in hex: what <see cref="GenerationRequest.Addon"/> takes. Two folders with the same contents are one addon.</param>
/// <param name="Rank">The highest of a module.</param>
/// <param name="Modules">Kinds of projections that it changes, such as <c>q_proj</c>.</param>
/// <param name="Bytes">That it takes in the pool.</param>
public sealed record LoadedAddon(string Digest, int Rank, IReadOnlyList<string> Modules, long Bytes);

/// <summary>An addon as it is now.</summary>
/// <param name="IsLoaded">In memory; else it is loaded when a request asks for it.</param>
/// <param name="Requests">That run or wait with it.</param>
/// <param name="Running">Of those, ones that have begun.</param>
public sealed record AddonState(LoadedAddon Addon, bool IsLoaded, int Requests, int Running);
