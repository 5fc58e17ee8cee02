namespace Stoker.Engine.Templates;

/// <summary>A run of rendered text that has one origin.</summary>
/// <param name="IsUserData">The text came with the request (messages, tools, arguments), so special tokens in it must
/// stay
/// text; false only for text that the template or the model's special token strings put there.</param>
public readonly record struct TemplatePiece(string Text, bool IsUserData);
