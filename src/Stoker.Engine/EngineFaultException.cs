namespace Stoker.Engine;

/// <summary>
/// The engine failed a request, or cancelled it on its own account. The message has no text of the request in it.
/// </summary>
public sealed class EngineFaultException(string message, Exception? inner = null) : Exception(message, inner);
