import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What is kept of one customer, as JSON; the same fields as `State` of `benchmarks/workload.py`. */
record State(
        int count,
        @JsonProperty("last_seen") long lastSeen,
        List<String> recent,
        LinkedHashMap<String, Integer> channels) {

    static final State EMPTY = new State(0, 0, List.of(), new LinkedHashMap<>());

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final ObjectReader READER = MAPPER.readerFor(State.class);
    private static final ObjectWriter WRITER = MAPPER.writerFor(State.class);

    static Serde<State> serde() {
        return Serdes.serdeFrom((topic, state) -> write(state), (topic, bytes) -> read(bytes));
    }

    private static byte[] write(State state) {
        try {
            return state == null ? null : WRITER.writeValueAsBytes(state);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static State read(byte[] bytes) {
        try {
            return bytes == null ? null : READER.readValue(bytes);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
