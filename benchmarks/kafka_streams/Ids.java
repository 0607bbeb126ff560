import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.UUID;

/** The ids of `pipeline/domain/ids.py`: a UUID (version 5) of parts, each with its length. */
final class Ids {
    private static final UUID URL = UUID.fromString("6ba7b811-9dad-11d1-80b4-00c04fd430c8");
    private static final UUID NAMESPACE = version5(URL, "urn:throughline:v1");

    private Ids() {}

    static String of(String... parts) {
        var name = new StringBuilder();
        for (String part : parts) {
            name.append(part.codePointCount(0, part.length())).append(':').append(part);
        }
        return version5(NAMESPACE, name.toString()).toString();
    }

    private static UUID version5(UUID namespace, String name) {
        byte[] space = ByteBuffer.allocate(16)
                .putLong(namespace.getMostSignificantBits())
                .putLong(namespace.getLeastSignificantBits())
                .array();
        try {
            MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
            sha1.update(space);
            ByteBuffer digest = ByteBuffer.wrap(sha1.digest(name.getBytes(UTF_8)));
            long high = digest.getLong() & ~0xF000L | 0x5000L;
            long low = digest.getLong() & ~(0b11L << 62) | 0b10L << 62;
            return new UUID(high, low);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }
}
